// The signature of a bundle, kept beside it: a DSSE envelope over the SHA-256 of the archive, as
// one line of base64. The bundle itself stays as it is, and so does whoever verifies it without a
// key.
#pragma once

#include <string>
#include <string_view>

#include "base/error.h"
#include "lineage/crypto/dsse.h"
#include "lineage/crypto/key.h"

namespace phoenix::manifest {

inline constexpr std::string_view kBundleSignatureType =
    "application/vnd.phoenixflight.bundle.v1+sha256";
inline constexpr size_t kMostSignatureBytes = 4'096;

// The content of NAME.pflight.sig.
std::string sign_bundle(const lineage::KeyPair& signer, std::string_view archive);

// The id of the key that signed it. kForbidden with reason code "bad-envelope", "wrong-type",
// "unknown-key", "bad-signature", or "other-bundle" if it is a good signature of something else.
Result<std::string> verify_signature(std::string_view signature, std::string_view archive,
                                     const lineage::KeyFinder& find);

}  // namespace phoenix::manifest
