import pymysql
import redis


def test_the_private_redis_is_real_and_empty(redis_url):
    with redis.Redis.from_url(redis_url) as client:
        assert client.dbsize() == 0
        assert client.info("server")["redis_version"]


def test_the_private_database_is_a_mariadb_or_mysql(database_url, mariadb_port):
    with pymysql.connect(host="127.0.0.1", port=mariadb_port, user="root", database=database_url.rsplit("/")[-1]) as db:
        cursor = db.cursor()
        cursor.execute("SELECT VERSION()")
        assert cursor.fetchone()
