"""What a segment commits to: canonical values, leaves and levels computed column by column, and their alignment."""
