export { type LendingSocket, adoptSocket } from './adopt-socket.js';
export { type Borrower, LendingReads } from './lending-reads.js';
export { descriptorOf, writeNow } from './write-now.js';
