"""The guardrails, one file each; `docs/guardrails.md` names their settings and tests."""
