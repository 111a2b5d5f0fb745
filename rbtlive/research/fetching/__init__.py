"""`rbt.fetch`: bars from vendors, through each vendor's own library, stored on disk."""
