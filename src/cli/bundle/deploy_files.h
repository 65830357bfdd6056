// What brings a bundle up elsewhere, as text: a Dockerfile and a systemd unit. Pure.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace phoenix::cli {

struct DeployedApp {
  std::string name;  // letters, digits and . - _ +, as bundles have it
  std::string version;
  std::string bundle_file;  // its name alone
  std::string bundle_id;
  std::string digest;                 // of the bundle, 64 hexadecimal digits
  std::vector<std::string> programs;  // that its agents run and the bundle does not hold
  int64_t drain_seconds = 25;
};

// An image of the bundle and nothing else, above one that has phoenix and the app's programs.
// `image`: that one; which is named at the build all the same (PHOENIX_IMAGE).
std::string dockerfile_text(const DeployedApp& app, const std::string& image);

struct UnitPaths {
  std::string program;  // absolute, as are the others
  std::string bundle;
  std::string keys;  // public keys of whom one must have signed the bundle; empty: not asked for
};
// A unit that runs the bundle as a user of its own, with its data in /var/lib/NAME.
std::string unit_text(const DeployedApp& app, const UnitPaths& paths);

// A word of a command line that begins with ":", where $ stands for itself: in quotes where it
// needs them, and each % too as what it is.
std::string unit_word(const std::string& word);

}  // namespace phoenix::cli
