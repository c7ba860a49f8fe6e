export { type LendingSocket, adoptSocket } from './adopt-socket.js';
export { type Borrower, LendingReads } from './lending-reads.js';
