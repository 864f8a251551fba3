"""What happened, as plain data: one report per command, which knows neither how it was found nor how it is shown."""
