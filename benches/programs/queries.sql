-- Inserts, indexes, joins, aggregates and text search over generated rows.
CREATE TABLE item(id INTEGER PRIMARY KEY, name TEXT, price INTEGER, kind INTEGER);
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 300000)
  INSERT INTO item SELECT i, 'item-' || (i * 7919 % 100003), i * 31 % 997, i % 23 FROM n;
CREATE TABLE sale(item INTEGER, day INTEGER, amount INTEGER);
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 300000)
  INSERT INTO sale SELECT i * 13 % 200000 + 1, i % 365, i % 9 FROM n;
CREATE INDEX sale_item ON sale(item);
CREATE INDEX item_name ON item(name);
SELECT kind, count(*), sum(price * amount) FROM item JOIN sale ON sale.item = item.id GROUP BY kind ORDER BY kind;
SELECT count(*) FROM item WHERE name LIKE '%99%' AND price BETWEEN 100 AND 800;
SELECT day, avg(amount), max(length(name)) FROM sale JOIN item ON item.id = sale.item WHERE day % 30 = 0 GROUP BY day;
UPDATE item SET price = price + (SELECT coalesce(sum(amount), 0) FROM sale WHERE sale.item = item.id) WHERE kind = 7;
SELECT name, price FROM item ORDER BY price DESC, name LIMIT 10;
DELETE FROM sale WHERE day < 100;
SELECT count(DISTINCT item), total(amount) FROM sale;
