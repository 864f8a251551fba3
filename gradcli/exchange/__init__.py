"""Exchange: tensors from and to files of other formats, one module per format."""
