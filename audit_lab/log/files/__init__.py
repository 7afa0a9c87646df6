"""Files: how they are written so that they outlast a power loss, how what somebody else wrote is read and shown."""
