"""What is known of execution providers: their devices, their libraries, plug-ins."""
