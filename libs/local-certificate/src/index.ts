export { type CertificateFiles, ensureCertificate } from './ensure-certificate.js';
export { type CertificatePem, makeCertificate } from './make-certificate.js';
