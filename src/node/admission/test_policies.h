// For tests of what policies decide: one host, with policies to lay down, members of some trust,
// and people who decide.
#pragma once

#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "node/test_stage.h"

namespace phoenix::testing_node {

inline const MemberOptions kSteady = {.max_load = 10, .lease_seconds = 3600};

class PoliciesTest : public testing::Test {
 protected:
  ReplyBody apply(const std::string& name, const std::string& text, bool prune = false,
                  const std::string& app = "") {
    ApplyDocuments wanted;
    wanted.ns = "default";
    wanted.app = app;
    wanted.prune = prune;
    if (!name.empty()) wanted.items.push_back({DocumentKind::kPolicy, name, text, std::nullopt});
    return stage.call(Stage::op(), wanted);
  }
  void lay_down(const std::string& name, const std::string& text) {
    const ReplyBody reply = apply(name, text);
    ASSERT_TRUE(std::holds_alternative<DocumentsReply>(reply)) << error_of(reply).detail;
  }
  Worker join(const std::string& id, uint32_t trust, std::vector<std::string> compliance = {}) {
    MemberRecord wanted = Stage::record(id, {"a"}, kSteady);
    wanted.trust = trust;
    wanted.compliance = std::move(compliance);
    return Stage::joined(id, stage.call(Stage::principal(), stage.registration({wanted}, kSteady)));
  }
  static void tagged(PacketSpec& spec) { spec.policy_tags = {"PII"}; }
  ParkReason parked(const std::string& id) { return stage.show(id).parked->reason; }
  std::string explained(const std::string& id) {
    return stage.node().explain(Stage::packet(id))->walk.candidates.at(0).reason;
  }
  // The only approval there is.
  DocumentPtr approval() {
    const auto all = stage.node().documents(DocumentKind::kApproval, "default");
    return all.size() == 1 ? all[0] : nullptr;
  }
  ReplyBody decide(bool approve, const std::string& human = "ada", bool approver = true,
                   const std::string& principal = "ada-token") {
    Caller caller = Stage::principal(principal);
    caller.is_approver = approver;
    caller.human = human;
    return stage.call(caller, DecideApproval{"default", approval()->key.name, approve, "checked"});
  }
  void join_human(const std::string& id, std::vector<std::string> capabilities) {
    MemberRecord wanted = Stage::record(id, std::move(capabilities));
    wanted.manual = true;
    wanted.kind = MemberKind::kHuman;
    stage.call(Stage::principal(), stage.registration({wanted}));
  }

  Stage stage;
};

}  // namespace phoenix::testing_node
