// Feeds stored inputs to a fuzz target without libFuzzer, so that every build replays its corpus as
// an ordinary test: `x_fuzz DIR|FILE…`. Directories are read whole, files below them in bytewise
// order of their paths. A crash or a sanitizer report is the failure; the last path printed is the
// input that caused it. Exit 1 if there is nothing to replay or a file cannot be read.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <system_error>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);

namespace {

namespace fs = std::filesystem;

std::vector<fs::path> inputs_below(const fs::path& root) {
  std::vector<fs::path> inputs;
  std::error_code error;
  if (fs::is_regular_file(root, error)) return {root};
  for (fs::recursive_directory_iterator it(root, error), end; !error && it != end;
       it.increment(error)) {
    if (it->is_regular_file(error)) inputs.push_back(it->path());
  }
  std::sort(inputs.begin(), inputs.end());
  return inputs;
}

bool replay(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  const std::string bytes{std::istreambuf_iterator<char>(file), {}};
  if (!file) {
    std::fprintf(stderr, "%s: cannot be read\n", path.c_str());
    return false;
  }
  // Before the run, and flushed: after a crash this line names the culprit.
  std::printf("%s\n", path.c_str());
  std::fflush(stdout);
  // An exact heap copy lets AddressSanitizer see a read of one byte too many.
  const std::vector<uint8_t> exact(bytes.begin(), bytes.end());
  LLVMFuzzerTestOneInput(exact.data(), exact.size());
  return true;
}

}  // namespace

int main(int argc, char** argv) {
  size_t replayed = 0;
  for (int i = 1; i < argc; ++i) {
    const auto inputs = inputs_below(argv[i]);
    if (inputs.empty()) {
      std::fprintf(stderr, "%s: no file to replay; add a corpus\n", argv[i]);
      return 1;
    }
    for (const auto& path : inputs) {
      if (!replay(path)) return 1;
      ++replayed;
    }
  }
  std::printf("replayed %zu inputs\n", replayed);
  return replayed == 0 ? 1 : 0;
}
