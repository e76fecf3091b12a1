"""``python -m ai_models`` is ``amulet-ai``."""

from ai_models.cli import main

if __name__ == "__main__":
    main()
