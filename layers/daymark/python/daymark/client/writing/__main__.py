"""Writes every generated module of the client."""

from daymark.client.writing.modules import FOLDER, modules

if __name__ == "__main__":
    for file, text in modules().items():
        (FOLDER / file).write_text(text, encoding="utf-8")
