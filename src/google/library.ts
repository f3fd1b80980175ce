/**
 * Google's library, as much of it as is used. It is a bundle of its own, which is loaded with the first grant that needs
 * it; so nothing of ours may be in here: a second copy of `Secret` would be another class.
 */
export {
  ExternalAccountAuthorizedUserClient,
  ExternalAccountClient,
  gaxios,
  Impersonated,
  JWT,
  UserRefreshClient,
} from 'google-auth-library';
