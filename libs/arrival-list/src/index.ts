export { ArrivalList, type Standing } from './arrival-list.js';
