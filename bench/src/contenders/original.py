"""The approach that Maskline began as: boto3 and psycopg2, one loop, row by row."""

import datetime
import hashlib
import hmac
import json
import os

import boto3
import psycopg2

KEY = b"a key that every contender of this kind uses"
INSERT = """
    INSERT INTO logins (message_id, user_id, device_type, masked_ip, masked_device_id, locale, app_version, create_date)
    VALUES (%s, %s, %s, %s, %s, %s, %s, %s) ON CONFLICT DO NOTHING
"""


def mask(value):
    return hmac.new(KEY, value.encode(), hashlib.sha256).hexdigest()


def main():
    queue_url = os.environ["SQS_QUEUE_URL"]
    sqs = boto3.client("sqs", endpoint_url=os.environ["AWS_ENDPOINT_URL_SQS"])
    connection = psycopg2.connect(os.environ["DATABASE_URL"])
    cursor = connection.cursor()
    while True:
        response = sqs.receive_message(QueueUrl=queue_url, MaxNumberOfMessages=10, WaitTimeSeconds=20)
        for message in response.get("Messages", []):
            login = json.loads(message["Body"])
            cursor.execute(
                INSERT,
                (
                    message["MessageId"],
                    login["user_id"],
                    login["device_type"],
                    mask(login["ip"]),
                    mask(login["device_id"]),
                    login["locale"],
                    int(login["app_version"].split(".")[0]),
                    datetime.date.today(),
                ),
            )
            connection.commit()
            sqs.delete_message(QueueUrl=queue_url, ReceiptHandle=message["ReceiptHandle"])


main()
