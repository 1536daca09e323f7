"""From the text of a document to its result: parsed, validated, priced, permitted, run."""
