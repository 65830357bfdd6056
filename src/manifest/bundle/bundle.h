// A bundle: an app as one file, NAME-VERSION.pflight, that can be carried elsewhere and checked
// there. Its layout is that of the original, so either verifies the other's:
//
//   PhoenixFile             the app
//   manifest.json           what the bundle holds, kind PhoenixBundle
//   validation-report.json  what validating the app found
//   hashes.json             {"algorithm":"SHA-256","files":{"PATH":"sha256:HEX", …}}: all others
//   agents/ packets/ policies/ contracts/   files that the app names, and whatever else it needs
//
// A signature is a file of its own, NAME.pflight.sig (signature.h): one more file within would be
// an unlisted one.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/digest.h"
#include "base/error.h"
#include "manifest/bundle/zip_archive.h"

namespace phoenix::manifest {

struct BundleInfo {
  std::string name;
  std::string name_space = "default";
  std::string version;
  std::string bundle_id;   // "pflight-" and 16 hexadecimal digits
  std::string created_at;  // as it stands
};

// A bundle that has been verified: each file is listed with the hash that it has, and each listed
// file is there.
struct Bundle {
  BundleInfo info;
  std::vector<ArchiveFile> files;  // in the order of the archive
  Digest digest{};                 // of the whole archive
  bool valid = false;              // what its validation report says

  // Null if there is none of that path.
  const ArchiveFile* find(std::string_view path) const;
};

// Reads and verifies. Refusals are kInvalidRequest with a reason code: "bad-archive" (it is no
// archive as bundles are), "not-a-bundle" (a description is missing or broken), "missing-file",
// "unlisted-file" or "wrong-hash". Nothing of a refused bundle is to be used.
Result<Bundle> open_bundle(std::string_view archive);

// What a bundle is made of. Paths are within the bundle.
struct BundleParts {
  BundleInfo info;                  // without id and time, which follow from the content
  std::string phoenix_file;         // the bytes of the PhoenixFile
  std::vector<ArchiveFile> agents;  // agents/…, and so on
  std::vector<ArchiveFile> packets;
  std::vector<ArchiveFile> policies;
  std::vector<ArchiveFile> contracts;
  std::vector<ArchiveFile> others;
  std::vector<std::string> warnings;  // of its validation; there are no errors
  std::string language;
  std::string entrypoint;
  std::string strategy;
  std::string audit_sink;
  std::string minimum_trust = "0.0";  // a number as JSON writes it
  std::string target = "local";
  std::vector<std::string> outputs;
};

// The bytes of the archive; the same for the same parts, always. An error if paths clash, are not
// good, or stand twice.
Result<std::string> write_bundle(const BundleParts& parts);

}  // namespace phoenix::manifest
