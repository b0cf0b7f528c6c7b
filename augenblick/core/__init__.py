"""Values and texts that all rooms use; reads settings and catalogues, does no other I/O."""
