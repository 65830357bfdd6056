// tests/manifest/broken.txt: each fault of an app is told in the right line, with what is allowed,
// and nothing else is told.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "manifest/app/load.h"
#include "manifest/app/test_folder.h"

namespace phoenix::manifest {
namespace {

struct Expected {
  std::string file;
  int line = 0;
  std::string path;
  std::string text;
};

struct Fault {
  std::string file;
  std::string old_text;
  std::string new_text;
  std::vector<Expected> expected;
};

std::vector<std::string> columns(const std::string& row) {
  std::vector<std::string> out(1);
  for (size_t i = 0; i < row.size(); ++i) {
    if (row.compare(i, 3, " | ") == 0 || row.compare(i, 3, " |") == 0) {
      out.emplace_back();
      i += 2;
    } else {
      out.back().push_back(row[i]);
    }
  }
  return out;
}

std::string unescaped(const std::string& text) {
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    const char next = text[i] == '\\' && i + 1 < text.size() ? text[i + 1] : '\0';
    if (next == 'n' || next == 't') {
      out.push_back(next == 'n' ? '\n' : '\t');
      ++i;
    } else if (next == 'x') {
      out.push_back(static_cast<char>(std::stoi(text.substr(i + 2, 2), nullptr, 16)));
      i += 3;
    } else {
      out.push_back(text[i]);
    }
  }
  return out;
}

std::vector<Fault> read_table() {
  std::vector<Fault> faults;
  std::ifstream file(PHOENIX_MANIFESTS "/broken.txt");
  for (std::string row; std::getline(file, row);) {
    if (row.empty() || row[0] == '#') continue;
    if (!row.starts_with("  ")) {
      const auto words = columns(row);
      faults.push_back({words.at(0), unescaped(words.at(1)), unescaped(words.at(2)), {}});
      continue;
    }
    const auto words = columns(row.substr(2));
    faults.back().expected.push_back(
        {words.at(0), std::stoi(words.at(1)), words.at(2), words.at(3)});
  }
  return faults;
}

void copy_base(const TestFolder& folder) {
  std::filesystem::copy(PHOENIX_MANIFESTS "/base", folder.root(),
                        std::filesystem::copy_options::recursive);
}

TEST(Broken, TheAppThatTheFaultsAreMadeInHasNone) {
  const TestFolder folder;
  copy_base(folder);
  const Loaded loaded = load_app({folder.root(), true, true});
  for (const Finding& finding : loaded.findings) ADD_FAILURE() << finding.text();
}

TEST(Broken, EachFaultIsToldInItsLineAndNothingElseIs) {
  const auto faults = read_table();
  EXPECT_GE(faults.size(), 200u);
  for (const Fault& fault : faults) {
    SCOPED_TRACE(fault.file + ": " + fault.old_text + " -> " + fault.new_text);
    const TestFolder folder;
    copy_base(folder);
    std::string text = folder.read(fault.file);
    const size_t at = text.find(fault.old_text);
    ASSERT_NE(at, std::string::npos);
    folder.write(fault.file, text.replace(at, fault.old_text.size(), fault.new_text));
    const Loaded loaded = load_app({folder.root(), false, true});
    EXPECT_FALSE(loaded.valid());
    ASSERT_EQ(loaded.findings.size(), fault.expected.size());
    for (size_t i = 0; i < fault.expected.size(); ++i) {
      const Finding& finding = loaded.findings[i];
      const Expected& expected = fault.expected[i];
      EXPECT_EQ(*finding.place.file, folder.path(expected.file));
      EXPECT_EQ(finding.place.line, expected.line);
      EXPECT_EQ(finding.path, expected.path);
      const std::string told = finding.detail;
      std::string place = told;
      // Other files are named as the user would from here.
      for (size_t p = 0; (p = place.find(folder.root() + "/")) != std::string::npos;) {
        place.erase(p, folder.root().size() + 1);
      }
      EXPECT_TRUE(place.starts_with(expected.text)) << place;
    }
  }
}

}  // namespace
}  // namespace phoenix::manifest
