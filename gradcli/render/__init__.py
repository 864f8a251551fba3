"""Reports as text: one module per format. Every render function gives whole lines, the last one ended too."""
