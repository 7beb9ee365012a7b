SAMPLES = ("astronaut", "chelsea", "coffee", "rocket")
