export { type CatalogConnection, connectCatalog } from './postgres-catalog.js';
export { isCatalogUnavailable } from './unavailable.js';
