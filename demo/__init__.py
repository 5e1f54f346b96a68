"""`make demo`: a real Airflow on the embedded AWS, started from nothing and stopped without a trace."""
