export { type LendingSocket, adoptSocket } from './adopt-socket.js';
export { type Borrower, LendingReads } from './lending-reads.js';
export { descriptorOf, writeLent, writeNow } from './write-now.js';
