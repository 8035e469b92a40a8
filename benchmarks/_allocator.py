"""An allocator that gives freed memory back, for measures of what is held."""

# of the environment that a measured process is started with
GIVE_BACK = {"MALLOC_MMAP_THRESHOLD_": "65536", "MALLOC_TRIM_THRESHOLD_": "65536"}
GIVE_BACK_TEXT = " and ".join(f"`{name}={value}`" for name, value in GIVE_BACK.items())
