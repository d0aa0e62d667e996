"""The words around a report in its issue, in the languages that a team may read."""

from collections.abc import Mapping

WORDS: Mapping[str, Mapping[str, str]] = {
    "en": {
        "untitled": "Report without a subject",
        "act": "Work on this report here: assign it, comment, and replace the severity label once you have judged it. "
        "Comments and labels stay inside the team; none of them is sent to the reporter.",
        "reference": "Reference",
        "reporter": "Reporter (alias)",
        "received": "Received",
        "due": "First response due by the end of",
        "severity": "Severity",
        "suggestion": "Suggested severity",
        "no_suggestion": "none",
        "language": "Language of the report",
        "unsure": "unsure",
        "time": "EEEE d MMMM y 'at' HH:mm",
        "files": "Files of the report, by number:",
        "uploaded": "a safe copy follows in a comment",
        "sealed": "stays sealed in the desk's own store",
        "more": "more files",
        "links": "Safe copies of the files:",
        "problem": "Note",
        "text": "The report, word for word but for personal data:",
        "cut": "The text was cut here because it is too long; the whole of it is kept in the desk's own store.",
        "cut_follows": "The text was cut here because it is too long; the whole of it is the last of the files.",
    },
    "nl": {
        "untitled": "Melding zonder onderwerp",
        "act": "Behandel deze melding hier: wijs haar toe, reageer, en vervang het label voor de ernst zodra u "
        "die hebt beoordeeld. Reacties en labels blijven binnen het team; niets daarvan gaat naar de melder.",
        "reference": "Kenmerk",
        "reporter": "Melder (alias)",
        "received": "Ontvangen",
        "due": "Eerste reactie uiterlijk aan het eind van",
        "severity": "Ernst",
        "suggestion": "Voorgestelde ernst",
        "no_suggestion": "geen",
        "language": "Taal van de melding",
        "unsure": "onzeker",
        "time": "EEEE d MMMM y 'om' HH:mm",
        "files": "Bestanden bij de melding, op nummer:",
        "uploaded": "een veilige kopie volgt in een reactie",
        "sealed": "blijft verzegeld in de eigen opslag van het meldpunt",
        "more": "bestanden meer",
        "links": "Veilige kopieën van de bestanden:",
        "problem": "Opmerking",
        "text": "De melding, woordelijk op persoonsgegevens na:",
        "cut": "De tekst is hier afgekapt omdat hij te lang is; het geheel staat in de eigen opslag van het meldpunt.",
        "cut_follows": "De tekst is hier afgekapt omdat hij te lang is; het geheel is het laatste van de bestanden.",
    },
}
