import { createServer, type AddressInfo, type Socket } from 'node:net';
import { createInterface } from 'node:readline';
import { drained } from './raw-socket.js';

/**
 * A process of its own with both ends of a flood: a server that says its port, and answers whoever asks there with as
 * many bytes as its argument says; and a client for each line of its input, which has the address to ask and the bytes
 * to ask with, and says how many bytes came. Neither makes anything anew for what it sends or gets.
 */
const total = Number(process.argv[2]);
const block = Buffer.alloc(4 * 1_048_576, 'x');

function pour(socket: Socket, left: number): void {
  if (left === 0) {
    socket.end();
    return;
  }
  const part = block.subarray(0, Math.min(left, block.length));
  socket.write(part, () => pour(socket, left - part.length));
}

const server = createServer((socket) => {
  socket.once('data', () => {
    socket.write(`HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: ${total}\r\n\r\n`);
    pour(socket, total);
  });
});
server.listen(0, '127.0.0.1', () => console.log(`port ${(server.address() as AddressInfo).port}`));

createInterface({ input: process.stdin }).on('line', (line) => {
  const { url, bytes } = JSON.parse(line) as { url: string; bytes: string };
  let came = 0;
  void drained(url, bytes, (size) => (came += size)).then(() => console.log(`came ${came}`));
});
