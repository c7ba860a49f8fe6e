export {
  type ComputeIdentity,
  type EndpointAccess,
  type EndpointAccessRequest,
  type NodeAddress,
  type StartKind,
  type TokenAccess,
  type TokenRule,
  type WakeFailure,
  type WakeFailureReason,
  type WakeOutcome,
  type WakeRequest,
  type WokenNode,
  wakeFailureReasons,
} from './wake-api.js';
export { toGatewayError } from './wake-failure.js';
export { parseComputeIdentity, parseNodeAddress } from './parse-node.js';
export { describeAddress } from './describe-address.js';
export { wakePackage, wakeProtoUrl, wakeServiceName } from './proto.js';
