"""The documentation as a static site: what MkDocs needs beside the pages in docs/. `make docs` builds build/site."""
