#include "manifest/bundle/signature.h"

#include "base/bytes_text.h"
#include "lineage/crypto/sha256.h"

namespace phoenix::manifest {
namespace {

tl::unexpected<Error> refuse(std::string code, std::string what) {
  auto refused = fail(ErrorKind::kForbidden, std::move(what));
  refused.value().reason_code = std::move(code);
  return refused;
}

}  // namespace

std::string sign_bundle(const lineage::KeyPair& signer, std::string_view archive) {
  const Digest digest = lineage::sha256(archive);
  return base64_text(
             lineage::seal_bytes(signer, kBundleSignatureType, std::string(bytes_of(digest)))) +
         "\n";
}

Result<std::string> verify_signature(std::string_view signature, std::string_view archive,
                                     const lineage::KeyFinder& find) {
  if (signature.ends_with('\n')) signature.remove_suffix(1);
  const auto bytes = base64_bytes(signature);
  if (!bytes || signature.size() > kMostSignatureBytes) {
    return refuse("bad-envelope", "the signature is not one line of base64");
  }
  const auto envelope = lineage::open_envelope(*bytes, kBundleSignatureType, find);
  if (!envelope) return tl::unexpected(envelope.error());
  const Digest digest = lineage::sha256(archive);
  if (envelope->payload != bytes_of(digest)) {
    return refuse("other-bundle", "the signature is good, and it is of another bundle");
  }
  return envelope->key_id;
}

}  // namespace phoenix::manifest
