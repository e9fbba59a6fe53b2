-- Each service owns its database and reaches no other.
\getenv products_password PRODUCTS_PASSWORD
\getenv orders_password ORDERS_PASSWORD
CREATE ROLE products LOGIN PASSWORD :'products_password';
CREATE ROLE orders LOGIN PASSWORD :'orders_password';
CREATE DATABASE products OWNER products;
CREATE DATABASE orders OWNER orders;
REVOKE ALL ON DATABASE products, orders FROM PUBLIC;
