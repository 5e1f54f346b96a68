"""A person sees the evidence and says yes or no; both answers stand at AWS with a name beside them."""
