"""From judged values to what files say: tables, charts, documents. Pure, and blind to formats."""
