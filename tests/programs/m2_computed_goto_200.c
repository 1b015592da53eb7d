//! a threaded interpreter jumps from every one of two hundred places to any of two hundred
// flags: -O2
#include "common.h"
#define NEXT if (!--left) return h; goto *table[(h >> 32 ^ left * 13) % 200]
static __attribute__((noinline)) uint64_t interpret(uint64_t h, long left) {
    static void *const table[200] = {
    &&L0, &&L1, &&L2, &&L3, &&L4, &&L5, &&L6, &&L7, &&L8, &&L9, &&L10, &&L11, &&L12, &&L13, &&L14, &&L15,
    &&L16, &&L17, &&L18, &&L19, &&L20, &&L21, &&L22, &&L23, &&L24, &&L25, &&L26, &&L27, &&L28, &&L29, &&L30, &&L31,
    &&L32, &&L33, &&L34, &&L35, &&L36, &&L37, &&L38, &&L39, &&L40, &&L41, &&L42, &&L43, &&L44, &&L45, &&L46, &&L47,
    &&L48, &&L49, &&L50, &&L51, &&L52, &&L53, &&L54, &&L55, &&L56, &&L57, &&L58, &&L59, &&L60, &&L61, &&L62, &&L63,
    &&L64, &&L65, &&L66, &&L67, &&L68, &&L69, &&L70, &&L71, &&L72, &&L73, &&L74, &&L75, &&L76, &&L77, &&L78, &&L79,
    &&L80, &&L81, &&L82, &&L83, &&L84, &&L85, &&L86, &&L87, &&L88, &&L89, &&L90, &&L91, &&L92, &&L93, &&L94, &&L95,
    &&L96, &&L97, &&L98, &&L99, &&L100, &&L101, &&L102, &&L103, &&L104, &&L105, &&L106, &&L107, &&L108, &&L109, &&L110, &&L111,
    &&L112, &&L113, &&L114, &&L115, &&L116, &&L117, &&L118, &&L119, &&L120, &&L121, &&L122, &&L123, &&L124, &&L125, &&L126, &&L127,
    &&L128, &&L129, &&L130, &&L131, &&L132, &&L133, &&L134, &&L135, &&L136, &&L137, &&L138, &&L139, &&L140, &&L141, &&L142, &&L143,
    &&L144, &&L145, &&L146, &&L147, &&L148, &&L149, &&L150, &&L151, &&L152, &&L153, &&L154, &&L155, &&L156, &&L157, &&L158, &&L159,
    &&L160, &&L161, &&L162, &&L163, &&L164, &&L165, &&L166, &&L167, &&L168, &&L169, &&L170, &&L171, &&L172, &&L173, &&L174, &&L175,
    &&L176, &&L177, &&L178, &&L179, &&L180, &&L181, &&L182, &&L183, &&L184, &&L185, &&L186, &&L187, &&L188, &&L189, &&L190, &&L191,
    &&L192, &&L193, &&L194, &&L195, &&L196, &&L197, &&L198, &&L199,
    };
    NEXT;
    L0: h += 1; NEXT; L1: h ^= h >> 2; NEXT; L2: h *= 4000013ull; NEXT; L3: h = h << 4 | h >> 60; NEXT;
    L4: h += 29; NEXT; L5: h ^= h >> 6; NEXT; L6: h *= 12000037ull; NEXT; L7: h = h << 8 | h >> 56; NEXT;
    L8: h += 57; NEXT; L9: h ^= h >> 10; NEXT; L10: h *= 20000061ull; NEXT; L11: h = h << 12 | h >> 52; NEXT;
    L12: h += 85; NEXT; L13: h ^= h >> 14; NEXT; L14: h *= 28000085ull; NEXT; L15: h = h << 16 | h >> 48; NEXT;
    L16: h += 113; NEXT; L17: h ^= h >> 18; NEXT; L18: h *= 36000109ull; NEXT; L19: h = h << 20 | h >> 44; NEXT;
    L20: h += 141; NEXT; L21: h ^= h >> 22; NEXT; L22: h *= 44000133ull; NEXT; L23: h = h << 24 | h >> 40; NEXT;
    L24: h += 169; NEXT; L25: h ^= h >> 26; NEXT; L26: h *= 52000157ull; NEXT; L27: h = h << 28 | h >> 36; NEXT;
    L28: h += 197; NEXT; L29: h ^= h >> 1; NEXT; L30: h *= 60000181ull; NEXT; L31: h = h << 32 | h >> 32; NEXT;
    L32: h += 225; NEXT; L33: h ^= h >> 5; NEXT; L34: h *= 68000205ull; NEXT; L35: h = h << 36 | h >> 28; NEXT;
    L36: h += 253; NEXT; L37: h ^= h >> 9; NEXT; L38: h *= 76000229ull; NEXT; L39: h = h << 40 | h >> 24; NEXT;
    L40: h += 281; NEXT; L41: h ^= h >> 13; NEXT; L42: h *= 84000253ull; NEXT; L43: h = h << 44 | h >> 20; NEXT;
    L44: h += 309; NEXT; L45: h ^= h >> 17; NEXT; L46: h *= 92000277ull; NEXT; L47: h = h << 48 | h >> 16; NEXT;
    L48: h += 337; NEXT; L49: h ^= h >> 21; NEXT; L50: h *= 100000301ull; NEXT; L51: h = h << 52 | h >> 12; NEXT;
    L52: h += 365; NEXT; L53: h ^= h >> 25; NEXT; L54: h *= 108000325ull; NEXT; L55: h = h << 56 | h >> 8; NEXT;
    L56: h += 393; NEXT; L57: h ^= h >> 29; NEXT; L58: h *= 116000349ull; NEXT; L59: h = h << 60 | h >> 4; NEXT;
    L60: h += 421; NEXT; L61: h ^= h >> 4; NEXT; L62: h *= 124000373ull; NEXT; L63: h = h << 2 | h >> 62; NEXT;
    L64: h += 449; NEXT; L65: h ^= h >> 8; NEXT; L66: h *= 132000397ull; NEXT; L67: h = h << 6 | h >> 58; NEXT;
    L68: h += 477; NEXT; L69: h ^= h >> 12; NEXT; L70: h *= 140000421ull; NEXT; L71: h = h << 10 | h >> 54; NEXT;
    L72: h += 505; NEXT; L73: h ^= h >> 16; NEXT; L74: h *= 148000445ull; NEXT; L75: h = h << 14 | h >> 50; NEXT;
    L76: h += 533; NEXT; L77: h ^= h >> 20; NEXT; L78: h *= 156000469ull; NEXT; L79: h = h << 18 | h >> 46; NEXT;
    L80: h += 561; NEXT; L81: h ^= h >> 24; NEXT; L82: h *= 164000493ull; NEXT; L83: h = h << 22 | h >> 42; NEXT;
    L84: h += 589; NEXT; L85: h ^= h >> 28; NEXT; L86: h *= 172000517ull; NEXT; L87: h = h << 26 | h >> 38; NEXT;
    L88: h += 617; NEXT; L89: h ^= h >> 3; NEXT; L90: h *= 180000541ull; NEXT; L91: h = h << 30 | h >> 34; NEXT;
    L92: h += 645; NEXT; L93: h ^= h >> 7; NEXT; L94: h *= 188000565ull; NEXT; L95: h = h << 34 | h >> 30; NEXT;
    L96: h += 673; NEXT; L97: h ^= h >> 11; NEXT; L98: h *= 196000589ull; NEXT; L99: h = h << 38 | h >> 26; NEXT;
    L100: h += 701; NEXT; L101: h ^= h >> 15; NEXT; L102: h *= 204000613ull; NEXT; L103: h = h << 42 | h >> 22; NEXT;
    L104: h += 729; NEXT; L105: h ^= h >> 19; NEXT; L106: h *= 212000637ull; NEXT; L107: h = h << 46 | h >> 18; NEXT;
    L108: h += 757; NEXT; L109: h ^= h >> 23; NEXT; L110: h *= 220000661ull; NEXT; L111: h = h << 50 | h >> 14; NEXT;
    L112: h += 785; NEXT; L113: h ^= h >> 27; NEXT; L114: h *= 228000685ull; NEXT; L115: h = h << 54 | h >> 10; NEXT;
    L116: h += 813; NEXT; L117: h ^= h >> 2; NEXT; L118: h *= 236000709ull; NEXT; L119: h = h << 58 | h >> 6; NEXT;
    L120: h += 841; NEXT; L121: h ^= h >> 6; NEXT; L122: h *= 244000733ull; NEXT; L123: h = h << 62 | h >> 2; NEXT;
    L124: h += 869; NEXT; L125: h ^= h >> 10; NEXT; L126: h *= 252000757ull; NEXT; L127: h = h << 4 | h >> 60; NEXT;
    L128: h += 897; NEXT; L129: h ^= h >> 14; NEXT; L130: h *= 260000781ull; NEXT; L131: h = h << 8 | h >> 56; NEXT;
    L132: h += 925; NEXT; L133: h ^= h >> 18; NEXT; L134: h *= 268000805ull; NEXT; L135: h = h << 12 | h >> 52; NEXT;
    L136: h += 953; NEXT; L137: h ^= h >> 22; NEXT; L138: h *= 276000829ull; NEXT; L139: h = h << 16 | h >> 48; NEXT;
    L140: h += 981; NEXT; L141: h ^= h >> 26; NEXT; L142: h *= 284000853ull; NEXT; L143: h = h << 20 | h >> 44; NEXT;
    L144: h += 1009; NEXT; L145: h ^= h >> 1; NEXT; L146: h *= 292000877ull; NEXT; L147: h = h << 24 | h >> 40; NEXT;
    L148: h += 1037; NEXT; L149: h ^= h >> 5; NEXT; L150: h *= 300000901ull; NEXT; L151: h = h << 28 | h >> 36; NEXT;
    L152: h += 1065; NEXT; L153: h ^= h >> 9; NEXT; L154: h *= 308000925ull; NEXT; L155: h = h << 32 | h >> 32; NEXT;
    L156: h += 1093; NEXT; L157: h ^= h >> 13; NEXT; L158: h *= 316000949ull; NEXT; L159: h = h << 36 | h >> 28; NEXT;
    L160: h += 1121; NEXT; L161: h ^= h >> 17; NEXT; L162: h *= 324000973ull; NEXT; L163: h = h << 40 | h >> 24; NEXT;
    L164: h += 1149; NEXT; L165: h ^= h >> 21; NEXT; L166: h *= 332000997ull; NEXT; L167: h = h << 44 | h >> 20; NEXT;
    L168: h += 1177; NEXT; L169: h ^= h >> 25; NEXT; L170: h *= 340001021ull; NEXT; L171: h = h << 48 | h >> 16; NEXT;
    L172: h += 1205; NEXT; L173: h ^= h >> 29; NEXT; L174: h *= 348001045ull; NEXT; L175: h = h << 52 | h >> 12; NEXT;
    L176: h += 1233; NEXT; L177: h ^= h >> 4; NEXT; L178: h *= 356001069ull; NEXT; L179: h = h << 56 | h >> 8; NEXT;
    L180: h += 1261; NEXT; L181: h ^= h >> 8; NEXT; L182: h *= 364001093ull; NEXT; L183: h = h << 60 | h >> 4; NEXT;
    L184: h += 1289; NEXT; L185: h ^= h >> 12; NEXT; L186: h *= 372001117ull; NEXT; L187: h = h << 2 | h >> 62; NEXT;
    L188: h += 1317; NEXT; L189: h ^= h >> 16; NEXT; L190: h *= 380001141ull; NEXT; L191: h = h << 6 | h >> 58; NEXT;
    L192: h += 1345; NEXT; L193: h ^= h >> 20; NEXT; L194: h *= 388001165ull; NEXT; L195: h = h << 10 | h >> 54; NEXT;
    L196: h += 1373; NEXT; L197: h ^= h >> 24; NEXT; L198: h *= 396001189ull; NEXT; L199: h = h << 14 | h >> 50; NEXT;
}
int main(void) {
    for (int n = 0; n < 5; n++) printf("%016lx\n", interpret(n + 1, 300000));
    return verdict();
}
