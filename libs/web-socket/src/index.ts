export { type OpenWebSocket, type WebSocketGate, type WebSocketGateOptions, createWebSocketGate } from './gate.js';
export { WebSocketDuplex } from './web-socket-duplex.js';
