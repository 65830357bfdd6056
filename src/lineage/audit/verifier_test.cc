// A true export is accepted as it is, under any of its checkpoints, and each kind of lie is found
// and called by its name.
#include "lineage/audit/verifier.h"

#include <gtest/gtest.h>

#include <functional>

#include "lineage/audit/packet_chains.h"
#include "lineage/audit/test_pool.h"

namespace phoenix::lineage {
namespace {

AuditReport verified(const TestPool& pool, const std::string& text,
                     const std::vector<std::string>& checkpoints) {
  return verify_export(text, pool.roots(), checkpoints).value();
}
std::string code_of(const AuditReport& report) { return report.fault ? report.fault->code : "ok"; }

// What a pool is found to be whose last checkpoint covers all that it wrote.
AuditReport judged(TestPool& pool) {
  const std::string newest = pool.publish("h1");
  return verified(pool, pool.text(), {newest});
}

TEST(Audit, TakesATrueExportUnderAnyOfItsCheckpoints) {
  TestPool pool;
  const auto checkpoints = fill(pool);
  const AuditReport newest = verified(pool, pool.text(), {checkpoints[2]});
  ASSERT_EQ(code_of(newest), "ok") << newest.fault->detail;
  EXPECT_EQ(newest.pool, "demo");
  EXPECT_EQ(newest.checkpoints, 3U);
  EXPECT_EQ(newest.logs, 2U);
  EXPECT_EQ(newest.legs, 20U + 5 + 10 + 5 + 3);
  EXPECT_EQ(newest.entries, newest.legs + 4 + 1 + 1 + 1);
  EXPECT_EQ(newest.after, 0U);
  EXPECT_EQ(newest.packets.packets, 20U);
  EXPECT_EQ(newest.packets.ended, 5U);
  EXPECT_EQ(newest.certificates, 1U);
  EXPECT_EQ(newest.signatures.handoffs, 5U);
  EXPECT_EQ(newest.signatures.results, 5U);
  EXPECT_EQ(newest.signatures.attested, 0U);
  const AuditReport first = verified(pool, pool.text(), {checkpoints[0]});
  EXPECT_EQ(code_of(first), "ok");
  EXPECT_EQ(first.after, newest.entries - 25);
  EXPECT_EQ(code_of(verified(pool, pool.text(), checkpoints)), "ok");
}

TEST(Audit, TakesACheckpointThatTheExportDoesNotHold) {
  TestPool pool;
  pool.register_member(3, "a");
  pool.assign(3, "p", "a");
  const std::string between = sign(test_pair("h1"), pool.checkpoint("h1"));
  pool.assign(3, "q", "a");
  const std::string newest = pool.publish("h1");
  const AuditReport report = verified(pool, pool.text(), {between});
  EXPECT_EQ(code_of(report), "ok");
  EXPECT_EQ(report.after, 1U);
}

TEST(Audit, ACheckpointAheadOfTheExportMeansItIsCut) {
  TestPool pool;
  pool.register_member(3, "a");
  pool.publish("h1");
  pool.assign(3, "p", "a");
  const std::string later = sign(test_pair("h1"), pool.checkpoint("h1"));
  const AuditReport report = verified(pool, pool.text(), {later});
  EXPECT_EQ(code_of(report), "truncated");
  EXPECT_EQ(report.fault->place->position, 1U);
}

TEST(Audit, ACheckpointOfAnotherHistoryIsAFork) {
  TestPool pool;
  TestPool other;
  for (TestPool* one : {&pool, &other}) one->register_member(3, "a");
  pool.assign(3, "p", "a");
  other.assign(3, "q", "a");
  pool.publish("h1");
  const std::string envelope = other.publish("h1");
  EXPECT_EQ(code_of(verified(pool, pool.text(), {envelope})), "fork");
}

TEST(Audit, ACheckpointThatNoHostOfThePoolSignedProvesNothing) {
  TestPool pool;
  const auto checkpoints = fill(pool);
  const auto opened = decode_envelope(checkpoints[2]);
  const std::string forged = seal_bytes(test_pair("a"), opened->type, opened->payload);
  EXPECT_EQ(code_of(verified(pool, pool.text(), {forged})), "unknown-key");
  // Nor does an export whose grants are by another root.
  const std::vector<NamedKey> others = {{KeyRole::kRoot, "demo", test_pair("x").public_key()}};
  EXPECT_EQ(code_of(verify_export(pool.text(), others, checkpoints).value()), "bad-grant");
  EXPECT_FALSE(AuditVerifier::create(pool.roots(), {}));
  EXPECT_FALSE(AuditVerifier::create(pool.roots(), {pool.grant("h1")}));
}

TEST(Audit, AHostsKeyThatIsGivenNeedsNoGrant) {
  TestPool pool;
  pool.register_member(3, "a");
  const std::string newest = pool.publish("h1");
  const std::vector<NamedKey> hosts = {{KeyRole::kHost, "h1", test_pair("h1").public_key()}};
  const std::string text = std::string(kExportHeader) + "\n" + pool.blocks();
  EXPECT_EQ(code_of(verify_export(text, hosts, {newest}).value()), "ok");
  EXPECT_EQ(code_of(verified(pool, text, {newest})), "unknown-key");
}

TEST(Audit, WhereTheRootIsKnownAHostsKeyNeedsItsGrant) {
  TestPool pool;
  pool.register_member(3, "a");
  const std::string newest = pool.publish("h1");
  std::vector<NamedKey> both = pool.roots();
  both.push_back({KeyRole::kHost, "h1", test_pair("h1").public_key()});
  const std::string bare = std::string(kExportHeader) + "\n" + pool.blocks();
  EXPECT_EQ(code_of(verify_export(bare, both, {newest}).value()), "unknown-key");
  EXPECT_EQ(code_of(verify_export(pool.text(), both, {newest}).value()), "ok");
  // The root of another pool has no say in this one.
  both[0].name = "other";
  EXPECT_EQ(code_of(verify_export(bare, both, {newest}).value()), "ok");
}

TEST(Audit, AHostsKeyIsGoodFromEntryToEntry) {
  const auto told = [](const std::function<void(TestPool&)>& tell) {
    TestPool pool;
    pool.append(3, pool.host_key_entry("h1", "h1"));
    const std::string first = pool.publish("h1");
    tell(pool);
    return code_of(verified(pool, pool.text(), {first}));
  };
  const auto rotate = [](TestPool& pool) {
    pool.append(3, pool.host_key_entry("h1", "h1-2", "h1"));
    pool.publish("h1", "h1-2");
  };
  EXPECT_EQ(told(rotate), "ok");
  // Told again by a host that could not know that it stands there already.
  EXPECT_EQ(told([&](TestPool& pool) {
              rotate(pool);
              pool.append(5, pool.host_key_entry("h1", "h1-2", "h1"));
              pool.publish("h1", "h1-2");
            }),
            "ok");
  EXPECT_EQ(told([&](TestPool& pool) {
              rotate(pool);
              pool.register_member(3, "late");
              pool.publish("h1");
            }),
            "unknown-key");
  EXPECT_EQ(told([&](TestPool& pool) {
              pool.append(3, pool.revoked_host_key("h1", "h1"));
              pool.publish("h2");
              pool.register_member(3, "late");
              pool.publish("h1");
            }),
            "unknown-key");
  // A second key beside the one in force, one that the root gave to somebody else, and one that
  // nobody gave.
  EXPECT_EQ(told([&](TestPool& pool) {
              pool.append(5, pool.host_key_entry("h1", "thief"));
              pool.publish("h2");
            }),
            "bad-key");
  for (const char* subject : {"h1", "h3"}) {
    EXPECT_EQ(told([&](TestPool& pool) {
                Entry entry = pool.host_key_entry("h3", "h3");
                entry.subject = subject;
                if (entry.subject == "h3") entry.key->proof = pool.grant("h3", "other");
                pool.append(5, entry);
                pool.publish("h2");
              }),
              "bad-key");
  }
}

TEST(Audit, WithoutARootNoEntryMakesAKeyAHosts) {
  TestPool pool;
  pool.append(3, pool.host_key_entry("h1", "h1"));
  const std::string first = pool.publish("h1");
  const std::vector<NamedKey> hosts = {{KeyRole::kHost, "h1", test_pair("h1").public_key()}};
  const auto judge = [&] {
    const std::string text = std::string(kExportHeader) + "\n" + pool.blocks();
    return code_of(verify_export(text, hosts, {first}).value());
  };
  EXPECT_EQ(judge(), "ok");
  pool.append(3, pool.host_key_entry("h1", "thief", "h1"));
  pool.publish("h1", "thief");
  EXPECT_EQ(judge(), "unknown-key");
}

TEST(Audit, AGrantThatServesNothingIsRefused) {
  TestPool pool;
  pool.register_member(3, "a");
  const std::string newest = pool.publish("h1");
  std::vector<std::string> grants = {pool.grant("h1"), pool.grant("h2")};
  std::sort(grants.begin(), grants.end());
  std::string text = std::string(kExportHeader) + "\n";
  for (const std::string& grant : grants) text += export_line(LineKind::kGrant, grant);
  EXPECT_EQ(code_of(verified(pool, text + pool.blocks(), {newest})), "unused-grant");
}

TEST(Audit, AFlippedBitIsFoundAtItsEntry) {
  TestPool pool;
  const auto checkpoints = fill(pool);
  std::string altered = pool.logs().at(5).entries[7];
  altered[altered.size() / 2] = static_cast<char>(altered[altered.size() / 2] ^ 4);
  std::string text = pool.text();
  const std::string line = export_line(LineKind::kEntry, pool.logs().at(5).entries[7]);
  text.replace(text.find(line), line.size(), export_line(LineKind::kEntry, altered));
  const AuditReport report = verified(pool, text, {checkpoints[2]});
  ASSERT_EQ(code_of(report), "altered");
  EXPECT_EQ(report.fault->place->log, 5U);
  EXPECT_EQ(report.fault->place->position, 7U);
}

TEST(Audit, ADroppedEntryIsFoundAtItsPlace) {
  TestPool pool;
  const auto checkpoints = fill(pool);
  const size_t last = pool.logs().at(3).entries.size() - 1;
  for (const size_t position : {size_t{4}, last}) {
    std::string text = pool.text();
    const std::string line = export_line(LineKind::kEntry, pool.logs().at(3).entries[position]);
    text.erase(text.find(line), line.size());
    const AuditReport report = verified(pool, text, {checkpoints[2]});
    ASSERT_TRUE(report.fault);
    EXPECT_EQ(report.fault->place->log, 3U);
    EXPECT_EQ(report.fault->place->position, position);
  }
}

// Each writes one lie into a pool whose host then signs it all.
struct Lie {
  const char* code;
  std::function<void(TestPool&)> tell;
};

void expect_found(const std::vector<Lie>& lies) {
  for (size_t i = 0; i < lies.size(); ++i) {
    TestPool pool;
    for (const char* member : {"a", "b", "human"}) pool.register_member(3, member);
    pool.assign(3, "p", "a");
    lies[i].tell(pool);
    const AuditReport report = judged(pool);
    EXPECT_EQ(code_of(report), lies[i].code)
        << "lie " << i << ": " << (report.fault ? report.fault->detail : "was not found");
  }
}

TEST(Audit, FindsBrokenChainsThatAHostSigned) {
  const auto leg = [](const std::function<void(Entry&)>& spoil) {
    return [spoil](TestPool& pool) {
      Entry entry = pool.next_leg("p", Cause::kEviction, Party{"b", 1});
      spoil(entry);
      pool.append(3, entry);
    };
  };
  expect_found({
      {"ok", leg([](Entry&) {})},
      {"broken-chain", leg([](Entry& e) { e.leg->previous[0] ^= 1; })},
      {"wrong-owner", leg([](Entry& e) { e.leg->from = Party{"b", 1}; })},
      {"wrong-owner", leg([](Entry& e) { e.leg->from = Party{"a", 2}; })},
      {"wrong-epoch", leg([](Entry& e) { e.epoch += 1; })},
      {"wrong-epoch", leg([](Entry& e) { e.epoch -= 1; })},
      {"ok", leg([](Entry& e) { e.epoch += kAdoptedEpochs; })},
      {"wrong-epoch", leg([](Entry& e) { e.epoch += kAdoptedEpochs + 1; })},
      {"wrong-epoch", leg([](Entry& e) { e.epoch -= kAdoptedEpochs; })},
      {"leg-missing", leg([](Entry& e) { e.leg->number = 3; })},
      {"leg-twice",
       [](TestPool& pool) {
         const Entry entry = pool.next_leg("p", Cause::kEviction, Party{"b", 1});
         pool.append(3, entry);
         pool.append(5, entry);
       }},
      {"after-the-end",
       [](TestPool& pool) {
         pool.complete(3, {"p"});
         pool.assign(3, "p", "b");
       }},
      {"after-the-end",
       [](TestPool& pool) {
         pool.complete(3, {"p"});
         pool.append(3, pool.next_leg("p", Cause::kRetry, Party{"b", 1}));
       }},
      {"after-the-end",
       [](TestPool& pool) {
         Entry out = pool.next_leg("p", Cause::kRelease, std::nullopt);
         pool.append(3, out);
         pool.append(3, pool.next_leg("p", Cause::kRetry, Party{"b", 1}));
       }},
      {"wrong-owner",
       [](TestPool& pool) {
         Entry entry = pool.next_leg("q", Cause::kEviction, Party{"b", 1});
         entry.leg->from = Party{"a", 1};
         pool.append(3, entry);
       }},
  });
}

TEST(Audit, AFailedPacketMayBeRetried) {
  TestPool pool;
  pool.register_member(3, "a");
  pool.assign(3, "p", "a");
  Entry end = pool.next_leg("p", Cause::kTerminal, std::nullopt);
  end.leg->terminal = TerminalEvidence{End::kFailed, std::nullopt, std::nullopt};
  pool.append(3, end);
  pool.append(5, pool.next_leg("p", Cause::kRetry, Party{"a", 1}));
  const AuditReport report = judged(pool);
  EXPECT_EQ(code_of(report), "ok");
  EXPECT_EQ(report.signatures.unsigned_results, 1U);
}

TEST(Audit, FindsHandoffsThatNobodySignedLikeThat) {
  using Spoil = std::function<void(TestPool&, HandoffOffer&)>;
  const auto offer = [](const Spoil& spoil) {
    return [spoil](TestPool& pool) {
      HandoffOffer made = pool.offer_of("p", "b");
      spoil(pool, made);
      pool.append(3, pool.handoff_entry(made, "human"));
    };
  };
  const auto entry = [](const std::function<void(TestPool&, HandoffOffer&, Entry&)>& spoil) {
    return [spoil](TestPool& pool) {
      HandoffOffer made = pool.offer_of("p", "b");
      Entry leg = pool.handoff_entry(made, "human");
      spoil(pool, made, leg);
      pool.append(3, leg);
    };
  };
  expect_found({
      {"ok", offer([](TestPool&, HandoffOffer&) {})},
      {"wrong-offer", offer([](TestPool&, HandoffOffer& o) { o.epoch -= 1; })},
      {"wrong-offer", offer([](TestPool&, HandoffOffer& o) { o.giver.incarnation = 2; })},
      {"wrong-offer", offer([](TestPool&, HandoffOffer& o) { o.pool = "other"; })},
      {"wrong-offer",
       entry([](TestPool&, HandoffOffer&, Entry& e) { e.leg->context->at(0) ^= 1; })},
      {"wrong-offer", entry([](TestPool&, HandoffOffer&, Entry& e) { e.leg->contract.reset(); })},
      {"wrong-offer", entry([](TestPool& p, HandoffOffer& o, Entry& e) {
         o.receiver = "human";
         e.leg->handoff->offer = sign(p.key_of("a"), o);
       })},
      {"unknown-key", entry([](TestPool& p, HandoffOffer& o, Entry& e) {
         e.leg->handoff->offer = sign(p.key_of("b"), o);
       })},
      {"wrong-acceptance", entry([](TestPool& p, HandoffOffer& o, Entry& e) {
         o.scopes = {"read"};
         e.leg->handoff->offer = sign(p.key_of("a"), o);
       })},
      {"wrong-acceptance", entry([](TestPool& p, HandoffOffer& o, Entry& e) {
         HandoffAcceptance said = p.acceptance_of(o);
         said.context.reset();
         e.leg->handoff->acceptance = sign(p.key_of("b"), said);
       })},
      {"wrong-type", entry([](TestPool&, HandoffOffer&, Entry& e) {
         e.leg->handoff->acceptance = e.leg->handoff->offer;
       })},
  });
}

TEST(Audit, FindsApprovalsThatAreNone) {
  const auto approval = [](const std::string& approver, bool yes, const std::string& key) {
    return [=](TestPool& pool) {
      const HandoffOffer offer = pool.offer_of("p", "b");
      Entry entry = pool.handoff_entry(offer);
      entry.leg->handoff->approval =
          sign(pool.key_of(key), Approval{TestPool::kPool, TestPool::kNs, "p", offer.epoch,
                                          sha256(encode(offer)), approver, yes, 5});
      pool.append(3, entry);
    };
  };
  expect_found({
      {"ok", approval("human", true, "human")},
      {"wrong-approval", approval("human", false, "human")},
      {"self-approval", approval("a", true, "a")},
      {"self-approval", approval("b", true, "b")},
      {"unknown-key", approval("human", true, "a")},
  });
}

TEST(Audit, FindsResultsThatTheOwnerDidNotSign) {
  const auto end = [](const std::function<void(TestPool&, TerminalEvidence&)>& spoil) {
    return [spoil](TestPool& pool) {
      Entry entry = pool.next_leg("p", Cause::kTerminal, std::nullopt);
      const Completion said{TestPool::kPool, TestPool::kNs,   "p", entry.epoch, "a",
                            End::kCompleted, sha256("result")};
      entry.leg->terminal = TerminalEvidence{End::kCompleted, sha256("result"),
                                             Evidence{sign(pool.key_of("a"), said), 0, {}}};
      spoil(pool, *entry.leg->terminal);
      pool.append(3, entry);
    };
  };
  expect_found({
      {"ok", end([](TestPool&, TerminalEvidence&) {})},
      {"wrong-statement", end([](TestPool&, TerminalEvidence& t) { t.result = sha256("else"); })},
      {"wrong-statement", end([](TestPool&, TerminalEvidence& t) { t.end = End::kFailed; })},
      {"unknown-key", end([](TestPool& p, TerminalEvidence& t) {
         const auto said = decode_envelope(t.signature->envelope);
         t.signature->envelope = seal_bytes(p.key_of("b"), said->type, said->payload);
       })},
  });
}

TEST(Audit, AKeyIsGoodFromEntryToEntry) {
  const auto handoff_under = [](TestPool& pool, const std::string& key_name) {
    const HandoffOffer offer = pool.offer_of("p", "b");
    Entry entry = pool.handoff_entry(offer);
    entry.leg->handoff->offer = sign(test_pair(key_name), offer);
    pool.append(3, entry);
  };
  expect_found({
      {"ok",
       [&](TestPool& pool) {
         pool.rotate_key(3, "a", "a-2");
         handoff_under(pool, "a-2");
       }},
      {"unknown-key",
       [&](TestPool& pool) {
         pool.rotate_key(3, "a", "a-2");
         handoff_under(pool, "a");
       }},
      // Before it came into force, in the same log.
      {"unknown-key",
       [&](TestPool& pool) {
         handoff_under(pool, "a-2");
         pool.rotate_key(3, "a", "a-2");
       }},
      // In another log, but under an earlier checkpoint.
      {"unknown-key",
       [&](TestPool& pool) {
         pool.rotate_key(5, "a", "a-2");
         pool.publish("h1");
         handoff_under(pool, "a");
       }},
      // Under one checkpoint nobody knows what came first.
      {"ok",
       [&](TestPool& pool) {
         pool.rotate_key(5, "a", "a-2");
         handoff_under(pool, "a");
       }},
      {"ok",
       [&](TestPool& pool) {
         pool.rotate_key(5, "a", "a-2");
         handoff_under(pool, "a-2");
       }},
      {"bad-key", [&](TestPool& pool) { pool.append(3, pool.key_entry("a", "thief")); }},
      {"bad-key",
       [&](TestPool& pool) {
         Entry entry = pool.key_entry("c", "c");
         entry.subject = "d";
         pool.append(3, entry);
       }},
  });
}

TEST(Audit, AHostMaySignOnlyForWhoHasNoKey) {
  const auto attested = [](const std::string& giver, std::vector<std::string> named) {
    return [=](TestPool& pool) {
      pool.assign(3, "q", giver);
      const HandoffOffer offer = pool.offer_of("q", "b");
      Entry entry = pool.next_leg("q", Cause::kHandoff, Party{"b", 1});
      entry.leg->context = offer.context;
      entry.leg->contract = offer.contract;
      entry.leg->attested_by = named;
      entry.leg->handoff = HandoffEvidence{sign(test_pair("h1"), offer),
                                           sign(pool.key_of("b"), pool.acceptance_of(offer)), ""};
      pool.append(3, entry);
    };
  };
  expect_found({
      {"ok", attested("keyless", {"h1"})},
      {"wrong-attester", attested("keyless", {})},
      {"wrong-attester", attested("keyless", {"h2"})},
      {"wrong-attester", attested("a", {"h1"})},
  });
}

TEST(Audit, NothingIsAssignedToWhoIsCertifiedToBeDone) {
  expect_found({
      {"ok",
       [](TestPool& pool) {
         pool.evict(3, "p", "b");
         pool.drain(3, "a");
       }},
      // Still owns what it had.
      {"drain-broken", [](TestPool& pool) { pool.drain(3, "a"); }},
      {"drain-broken",
       [](TestPool& pool) {
         pool.evict(3, "p", "b");
         pool.drain(3, "a");
         pool.assign(3, "q", "a");
         pool.evict(3, "q", "b");
       }},
      // By a keeper that is not in the certificate, and before it was written down.
      {"drain-broken",
       [](TestPool& pool) {
         pool.evict(3, "p", "b");
         const auto heads = pool.heads();
         pool.assign(5, "q", "a");
         pool.evict(5, "q", "b");
         Entry entry = pool.plain(EntryKind::kMember, "a", "retired");
         entry.certificate = sign(
             test_pair("h1"), DrainCertificate{TestPool::kPool, TestPool::kNs, "a", 1, 9, heads});
         pool.append(3, entry);
       }},
      {"wrong-certificate",
       [](TestPool& pool) {
         Entry entry = pool.plain(EntryKind::kMember, "a", "retired");
         entry.certificate = sign(test_pair("h1"), DrainCertificate{TestPool::kPool, TestPool::kNs,
                                                                    "b", 1, 9, pool.heads()});
         pool.append(3, entry);
       }},
  });
}

// It is no host that says so, or one whose key was not given: nothing is held to it.
TEST(Audit, ACertificateOfAnUnknownKeyProvesNothing) {
  TestPool pool;
  pool.register_member(3, "b");
  Entry entry = pool.plain(EntryKind::kMember, "b", "certified");
  entry.certificate = sign(
      test_pair("b"), DrainCertificate{TestPool::kPool, TestPool::kNs, "b", 1, 9, pool.heads()});
  pool.append(3, entry);
  pool.assign(3, "p", "b");
  const AuditReport report = judged(pool);
  EXPECT_EQ(code_of(report), "ok");
  EXPECT_EQ(report.certificates, 0U);
  EXPECT_EQ(report.certificates_unproved, 1U);
}

TEST(Audit, ManyEntriesUnderOneCheckpointTakeSeveralLinesOfHashes) {
  TestPool pool;
  for (uint32_t log = 1; log <= 2; ++log) {
    for (size_t i = 0; i < kHashesPerLine + 2 - log; ++i) {
      pool.append(log, pool.plain(EntryKind::kMember, "m", "draining"));
    }
  }
  const std::string newest = pool.publish("h1");
  ExportBlock block;
  for (const auto& [log, state] : pool.logs()) {
    block.begin_log();
    for (const std::string& entry : state.entries) block.add(entry);
  }
  EXPECT_EQ(block.text(newest), pool.blocks());
  const AuditReport report = verified(pool, pool.text(), {newest});
  EXPECT_EQ(code_of(report), "ok");
  EXPECT_EQ(report.entries, 2 * kHashesPerLine + 1);
  // The one hash of the second line.
  std::string text = pool.text();
  const size_t second = text.find("\nh ", text.find("\nh ") + 1);
  text.erase(second, text.find('\n', second + 1) - second);
  EXPECT_EQ(code_of(verified(pool, text, {newest})), "missing");
}

TEST(Audit, APrunedLogIsProvedFromItsFrontierOn) {
  TestPool pool;
  pool.register_member(3, "a");
  pool.register_member(3, "b");
  for (int i = 0; i < 400; ++i) pool.assign(3, "old_" + std::to_string(i), "a");
  pool.publish("h1");
  const size_t before = pool.blocks().size();
  const uint64_t gone = pool.logs().at(3).entries.size();
  pool.hand_off(3, "old_7", "b");
  const std::string newest = pool.publish("h1");

  const TestPool::Log& log = pool.logs().at(3);
  const LeafReader read = [&log](uint64_t first) -> Result<std::vector<Digest>> {
    std::vector<Digest> leaves;
    for (uint64_t i = first; i < first + kTileLeaves; ++i) {
      leaves.push_back(leaf_hash(log.entries[i]));
    }
    return leaves;
  };
  const LogPrefix prefix{3, log.tree.frontier_at(gone, read).value()};
  std::vector<std::string> kept;
  for (const uint64_t position : {0, 1}) {
    kept.push_back(encode_kept(
        {3, position, log.entries[position], log.tree.inclusion(position, gone, read).value()}));
  }
  const auto text = [&](const LogPrefix& begins, const std::vector<std::string>& keys) {
    std::string all = std::string(kExportHeader) + "\n";
    all += export_line(LineKind::kPrefix, encode_prefix(begins));
    for (const std::string& key : keys) all += export_line(LineKind::kKept, key);
    all += export_line(LineKind::kGrant, pool.grant("h1"));
    return all + pool.blocks().substr(before);
  };
  const AuditReport report = verified(pool, text(prefix, kept), {newest});
  ASSERT_EQ(code_of(report), "ok") << report.fault->detail;
  EXPECT_EQ(report.packets.partial, 1U);
  EXPECT_EQ(report.entries, 1U);
  // Without the keys that were kept for it, nobody can say who signed.
  EXPECT_EQ(code_of(verified(pool, text(prefix, {kept[0]}), {newest})), "unknown-key");
  EXPECT_EQ(code_of(verified(pool, text(prefix, {kept[1], kept[0]}), {newest})), "bad-line");
  auto peaks = prefix.until.peaks();
  peaks[0][0] ^= 1;
  LogPrefix wrong{3, {}};
  ASSERT_TRUE(wrong.until.restore(gone, peaks));
  EXPECT_EQ(code_of(verified(pool, text(wrong, {}), {newest})), "wrong-root");
  EXPECT_EQ(code_of(verified(pool, text(wrong, kept), {newest})), "wrong-proof");
}

}  // namespace
}  // namespace phoenix::lineage
