#include "cli/demo/inputs.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "base/bytes_text.h"
#include "base/key.h"
#include "cli/worker/delivery.h"
#include "client/json_text.h"

namespace phoenix::demo {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kMaxListed = 50'000;

bool is_wanted(const fs::directory_entry& entry) {
  std::error_code error;
  if (entry.is_symlink(error) || !entry.is_regular_file(error)) return false;
  const auto size = entry.file_size(error);
  return !error && size > 0 && size <= kMaxFileBytes;
}

// Skips what cannot be read, hidden folders and builds.
void list_below(const fs::path& root, std::vector<std::string>& out) {
  std::error_code error;
  fs::recursive_directory_iterator it(root, fs::directory_options::skip_permission_denied, error);
  for (; !error && it != fs::recursive_directory_iterator() && out.size() < kMaxListed;
       it.increment(error)) {
    const std::string name = it->path().filename().string();
    if (it->is_directory(error)) {
      if (name.starts_with('.') || name == "build") it.disable_recursion_pending();
    } else if (is_wanted(*it)) {
      out.push_back(it->path().string());
    }
  }
}

bool is_source_tree(const fs::path& folder) {
  std::error_code error;
  return fs::exists(folder / "src/cli/demo/demo.h", error) &&
         fs::exists(folder / "CMakeLists.txt", error);
}

// The folder of the sources above that place; empty if there is none.
fs::path source_tree_above(fs::path place) {
  for (; !place.empty(); place = place.parent_path()) {
    if (is_source_tree(place)) return place;
    if (place == place.root_path()) break;
  }
  return {};
}

fs::path source_tree() {
  std::error_code error;
  const fs::path program = fs::read_symlink("/proc/self/exe", error);
  if (!error) {
    if (fs::path found = source_tree_above(program.parent_path()); !found.empty()) return found;
  }
  const fs::path here = fs::current_path(error);
  return error ? fs::path() : source_tree_above(here);
}

}  // namespace

std::vector<std::size_t> spread(std::size_t all, std::size_t count) {
  std::vector<std::size_t> out;
  for (std::size_t i = 0; i < count; ++i) out.push_back(i * all / count);
  return out;
}

std::string payload_member(const std::string& bytes) {
  if (valid_utf8(bytes)) return "\"payload\":" + quote_json(bytes);
  return "\"payloadBase64\":\"" + base64_text(bytes) + "\"";
}

Result<std::vector<InputFile>> find_inputs(const std::string& dir, std::size_t wanted) {
  std::vector<std::string> paths;
  if (dir.empty()) {
    list_below("/usr/share/common-licenses", paths);
    list_below("/usr/share/doc", paths);
    if (const fs::path sources = source_tree(); !sources.empty()) list_below(sources, paths);
  } else {
    list_below(dir, paths);
  }
  std::sort(paths.begin(), paths.end());
  std::vector<InputFile> out;
  for (const std::size_t i : spread(paths.size(), std::min(wanted, paths.size()))) {
    std::ifstream file(paths[i], std::ios::binary);
    InputFile input;
    input.path = paths[i];
    input.bytes.assign(std::istreambuf_iterator<char>(file), {});
    if (!file || input.bytes.empty() || input.bytes.size() > kMaxFileBytes) continue;
    input.payload = payload_member(input.bytes);
    // Control characters take six bytes each in JSON.
    if (input.payload.size() > 4 * kMaxFileBytes - 64) {
      input.payload = "\"payloadBase64\":\"" + base64_text(input.bytes) + "\"";
    }
    out.push_back(std::move(input));
  }
  if (out.empty()) {
    return fail(ErrorKind::kNotFound, (dir.empty() ? std::string("/usr/share/doc") : dir) +
                                          " holds no file of 1 byte to 256 KiB that can be read");
  }
  return out;
}

}  // namespace phoenix::demo
