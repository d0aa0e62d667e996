"""What the bot does: one public function each, all through the ports."""
