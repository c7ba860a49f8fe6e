export { type CatalogConnection, connectCatalog } from './postgres-catalog.js';
