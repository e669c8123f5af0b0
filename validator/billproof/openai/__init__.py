"""OpenAI's Costs API: what it answers, kept word for word in a record that exports are compared with."""
