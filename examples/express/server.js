// An Express app as anyone writes it: it knows nothing of ringpost. The carts are in its memory.
import express from 'express';

const carts = new Map();
const app = express();
app.use(express.json());

app.get('/cart', (request, response) => {
  const user = request.get('x-user');
  response.json({ user, items: carts.get(user) ?? [] });
});

app.post('/cart', (request, response) => {
  const user = request.get('x-user');
  const items = [...(carts.get(user) ?? []), request.body.item];
  carts.set(user, items);
  response.status(201).json({ user, items });
});

app.listen(process.env.PORT ?? 3000, '127.0.0.1');
