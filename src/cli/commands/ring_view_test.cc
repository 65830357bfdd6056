#include "cli/commands/ring_view.h"

#include <gtest/gtest.h>

namespace phoenix::cli {
namespace {

Json json(const char* text) { return *Json::parse(text); }

TEST(RingText, ShowsSharesAndWhatTheyAre) {
  const Json ring = json(
      R"({"slots":4096,"memberCount":2,"vnodeCount":256,"keepers":[{"host":"h","slots":4096}],)"
      R"("members":[{"id":"a","namespace":"default","status":"ACTIVE","weight":100,"vnodes":128,)"
      R"("positions":1073741824,"share":0.25,"currentLoad":1,"maxLoad":4}],)"
      R"("definitions":{"share":"positions / 2^32"}})");
  EXPECT_EQ(ring_text(ring, {}),
            "Members:  2\n"
            "V-nodes:  256\n"
            "Slots:    4096\n"
            "Keepers:  h (4096 slots)\n"
            "\n"
            "MEMBER  STATUS  WEIGHT  V-NODES   SHARE  LOAD\n"
            "a       ACTIVE     100      128  25.00%   1/4\n"
            "\n"
            "share:  positions / 2^32\n");
  EXPECT_EQ(ring_text(ring, {.definitions = false}).find("share:"), std::string::npos);
}

TEST(OwnerText, ExplainsTheWalk) {
  const Json owner = json(
      R"({"point":77,"slot":3,"keeper":"h","k":8,"load":1,"owner":"b","decidedBy":"score",)"
      R"("candidates":[{"member":"a","vnode":80,"distance":3,"eligible":false,"why":"full",)"
      R"("load":4,"maxLoad":4,"score":0.5,"scoreNumerator":1000000000,"scoreDenominator":2000},)"
      R"({"member":"b","vnode":90,"distance":13,"eligible":true,"why":null,"load":0,"maxLoad":4,)"
      R"("score":1,"scoreNumerator":1000000000,"scoreDenominator":1000}],"candidatesOmitted":5,)"
      R"("complete":true,"capableMembers":7,"missing":[]})");
  EXPECT_EQ(owner_text(owner, {.wide = true}),
            "Owner:    b\n"
            "By:       the best score of the eligible ones\n"
            "Point:    77 in slot 3, kept by h\n"
            "Capable:  7 members; the score decides among the first 8 eligible ones\n"
            "\n"
            "CANDIDATE  DISTANCE  V-NODE  ELIGIBLE  LOAD  SCORE      AS FRACTION  WHY NOT\n"
            "a                 3      80  no         4/4    0.5  1000000000/2000  full\n"
            "b                13      90  yes        0/4      1  1000000000/1000  -\n"
            "and 5 more that are not eligible\n");
}

TEST(PlanText, NamesWhatMovesAndWhatIsNotListed) {
  const Json plan = json(
      R"({"change":"leave","cause":"lease","members":["a","b"],"moved":4,"minimum":4,"placed":1,)"
      R"("parked":2,"failed":1,"woken":0,"kept":0,"packets":[)"
      R"({"id":"p1","from":"a","to":"c","parked":null,"until":null,"fails":false},)"
      R"({"id":"p2","from":"b","to":null,"parked":"backoff","until":"T","fails":false},)"
      R"({"id":"p3","from":"b","to":null,"parked":null,"until":null,"fails":true}],)"
      R"("packetsOmitted":1,"ring":{"vnodesBefore":384,"vnodesAfter":128,"positionsMoved":1,)"
      R"("shareMoved":0.75,"members":[{"id":"a","positionsBefore":9,"positionsAfter":0,)"
      R"("shareBefore":0.5,"shareAfter":0}],"slotCount":9,"slots":[1]},"exact":false,)"
      R"("writesInFlight":2})");
  EXPECT_EQ(plan_text(plan, {}),
            "Change:   leave of a, b (their session ends)\n"
            "Moved:    4 (at least 4 must): 1 placed, 2 parked, 1 failed\n"
            "Woken:    0\n"
            "Kept:     0\n"
            "V-nodes:  384 now, 128 then\n"
            "Ring:     75.00% of it changes hands, in 9 slots\n"
            "Exact:    no: 2 writes are on their way; plan again\n"
            "\n"
            "PACKET  FROM  TO  WHY NOBODY\n"
            "p1      a     c   -\n"
            "p2      b     -   backoff\n"
            "p3      b     -   FAILED: its owner was lost too often\n"
            "and 1 more: --limit N lists them\n"
            "\n"
            "MEMBER  SHARE NOW   THEN\n"
            "a          50.00%  0.00%\n");
}

}  // namespace
}  // namespace phoenix::cli
