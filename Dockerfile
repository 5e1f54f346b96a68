# This project as an image: the official Airflow for Python 3.11 (on which sagemaker resolves), what requirements.txt
# adds, and the three folders of a deployment. Airflow's other settings come from the environment, as in any deployment.
#   docker build -t airflow-finetune .
#   docker build --build-arg BASE=IMAGE --build-arg RUN_AS=USER .    on an image of your own that is built on Airflow 3.3
ARG BASE=apache/airflow:3.3.2-python3.11
FROM ${BASE}
ARG RUN_AS=airflow

COPY requirements.txt /opt/airflow/requirements.txt
# Naming the base's own Airflow keeps pip from replacing it.
RUN pip install --no-cache-dir "apache-airflow==${AIRFLOW_VERSION}" -r /opt/airflow/requirements.txt

COPY --chown=${RUN_AS}:0 dags /opt/airflow/dags
COPY --chown=${RUN_AS}:0 plugins /opt/airflow/plugins
COPY --chown=${RUN_AS}:0 include /opt/airflow/include
ENV AIRFLOW__CORE__LOAD_EXAMPLES=False
USER ${RUN_AS}
