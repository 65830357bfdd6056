#include "cli/import/audit_chain.h"

#include <gtest/gtest.h>

#include <fstream>
#include <sstream>
#include <vector>

namespace phoenix::cli {
namespace {

// The record that the original itself wrote, by its lines.
std::vector<std::string> recorded() {
  std::ifstream file(PHOENIX_MANIFESTS "/original-state/audit.jsonl");
  std::vector<std::string> lines;
  for (std::string line; std::getline(file, line);) lines.push_back(line);
  return lines;
}

std::string text_of(const std::vector<std::string>& lines) {
  std::string text;
  for (const std::string& line : lines) text += line + "\n";
  return text;
}

std::string fault_of(const std::vector<std::string>& lines) {
  const AuditChain chain = check_audit_chain(text_of(lines));
  return chain.fault ? std::to_string(chain.fault->line) + " " + chain.fault->what : "none";
}

std::string changed(const std::string& line, const std::string& from, const std::string& to) {
  std::string out = line;
  const size_t at = out.find(from);
  EXPECT_NE(at, std::string::npos) << from;
  return at == std::string::npos ? out : out.replace(at, from.size(), to);
}

TEST(AuditChains, WhatTheOriginalWroteIsWhole) {
  const auto lines = recorded();
  ASSERT_GE(lines.size(), 15u);
  const AuditChain chain = check_audit_chain(text_of(lines));
  ASSERT_FALSE(chain.fault) << chain.fault->line << " " << chain.fault->what;
  EXPECT_EQ(chain.entries, lines.size());
  EXPECT_EQ(chain.unchained, 0u);
  EXPECT_NE(lines.front().find("\"eventHash\": \"" + chain.first), std::string::npos);
  EXPECT_NE(lines.back().find("\"eventHash\": \"" + chain.head), std::string::npos);
}

TEST(AuditChains, EachLineThatIsLeftOutMovedOrChangedIsSeen) {
  const auto lines = recorded();
  for (size_t at = 0; at < lines.size(); ++at) {
    SCOPED_TRACE(at);
    const std::string here = std::to_string(at + 1);
    auto without = lines;
    without.erase(without.begin() + static_cast<std::ptrdiff_t>(at));
    // What is cut off at the end cannot be seen by a chain.
    EXPECT_EQ(fault_of(without), at + 1 == lines.size()
                                     ? "none"
                                     : here +
                                           " does not follow the one before it: one was left "
                                           "out, put in or moved");
    auto edited = lines;
    edited[at] = changed(lines[at], "\"APPROVED\"", "\"DENIED\"");
    EXPECT_EQ(fault_of(edited), here + " its hash is not that of what it says");
    edited[at] = changed(lines[at], "\"details\": {", "\"details\": {\"x\": 1, ");
    if (lines[at].find("\"details\": {}") != std::string::npos) {
      edited[at] = changed(lines[at], "\"details\": {}", "\"details\": {\"x\": 1}");
    }
    EXPECT_EQ(fault_of(edited), here + " its details are not those that were hashed");
    edited[at] = lines[at].substr(0, lines[at].size() / 2);
    EXPECT_EQ(fault_of(edited), here + " is no JSON object");
  }
}

TEST(AuditChains, OldEntriesWithoutHashesAreCountedAndBeginTheChainAnew) {
  auto lines = recorded();
  lines.insert(lines.begin(), R"({"action": "INIT", "entityId": "local-runtime"})");
  lines.insert(lines.begin() + 1, "");
  const AuditChain chain = check_audit_chain(text_of(lines));
  EXPECT_FALSE(chain.fault);
  EXPECT_EQ(chain.unchained, 1u);
  EXPECT_EQ(chain.entries, lines.size() - 1);
  EXPECT_EQ(check_audit_chain("").entries, 0u);
}

}  // namespace
}  // namespace phoenix::cli
