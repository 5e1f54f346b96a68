"""Raw records in, a canonical dataset and an account of every record out; pure: no Airflow, no AWS, no clock."""
