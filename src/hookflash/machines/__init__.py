"""Who decides: pure machines. Time is passed in; what they see and decide is on the tape."""
