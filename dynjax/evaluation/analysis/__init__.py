"""What alpha does inside: to kernels, and to colour, structure and texture."""
