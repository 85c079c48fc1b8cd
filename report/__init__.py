"""What was measured, as one HTML file: `dream report`."""
