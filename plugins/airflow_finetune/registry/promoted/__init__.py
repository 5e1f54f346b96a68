"""What was approved serves under one name until a person ends it: new versions take over in place."""
