"""The native engine on ARM processors, under qemu."""
